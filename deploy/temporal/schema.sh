#!/bin/sh
# Brings Temporal's two databases to the schema of this image; where they are there already, nothing changes.
set -eu
versions=/etc/temporal/schema/postgresql/v12

temporal-sql-tool --db temporal setup-schema -v 0.0
temporal-sql-tool --db temporal update-schema -d "$versions/temporal/versioned"
temporal-sql-tool --db temporal_visibility setup-schema -v 0.0
temporal-sql-tool --db temporal_visibility update-schema -d "$versions/visibility/versioned"
