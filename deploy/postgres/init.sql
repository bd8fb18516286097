-- Runs once, on an empty data folder: two users, each the owner of its own databases and of nothing else, and a third,
-- as whom worker and web work: `amends migrate` gives it what it needs, which is not to alter the audit log.
\getenv register_password REGISTER_DB_PASSWORD
\getenv app_password REGISTER_APP_PASSWORD
\getenv temporal_password TEMPORAL_DB_PASSWORD
CREATE ROLE amends LOGIN PASSWORD :'register_password';
CREATE ROLE amends_app LOGIN PASSWORD :'app_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE amends OWNER amends;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE amends, temporal, temporal_visibility FROM PUBLIC;
