"""What a Prefect server offers: deployments, pools, queues, schedules, automations; and a server of one machine."""
