"""A server on one machine, without containers: ``python -m deployments.local start|stop|status``, or ``make server``.

PostgreSQL, an S3 server, Prefect's server and a worker of each pool, as processes that outlive the command. What they
keep lies in the folder ``.server`` of the checkout (``SAGA_SERVER_DIR`` names another).
"""
