#!/bin/sh
# Makes the namespace and the search attributes of the process; safe to run again.
# Needs TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and RETENTION (see `temporal operator namespace create --help`).
set -eu

retry() { # a namespace just made is known to every part of the server only after some seconds
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if "$@"; then return 0; fi
    sleep "${RETRY_SECONDS:-5}"
  done
  echo "gave up: $*" >&2
  return 1
}

attribute() {
  retry temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type "$2"
}

retry temporal operator cluster health
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"

# The same names and types as workflows/search_attributes.py; tests/test_packaging.py compares them.
attribute AmendsStage Keyword
attribute AmendsNature Keyword
attribute AmendsKinds KeywordList
attribute AmendsDepartment Keyword
attribute AmendsUrgency Keyword
attribute AmendsBreached Bool
attribute AmendsDueAt Datetime
