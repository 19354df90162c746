#!/bin/sh
# Make docker/.env with new random secrets, readable by its owner alone. What is there is never replaced.
set -eu
cd "$(dirname "$0")"
umask 077
secret() { head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n'; }

if [ -e .env ]; then
    echo "docker/.env: it is there already; remove it for new secrets (the database and the S3 server keep the old ones)" >&2
    exit 2
fi
sed -e "s/^SAGA_API_AUTH=$/SAGA_API_AUTH=saga:$(secret)/" \
    -e "s/^SAGA_POSTGRES_PASSWORD=$/SAGA_POSTGRES_PASSWORD=$(secret)/" \
    -e "s/^SAGA_S3_ACCESS_KEY=$/SAGA_S3_ACCESS_KEY=$(secret)/" \
    -e "s/^SAGA_S3_SECRET_KEY=$/SAGA_S3_SECRET_KEY=$(secret)/" example.env >.env.new
mv .env.new .env
echo "docker/.env is made; SAGA_API_AUTH in it is what the UI asks for"
