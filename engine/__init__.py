"""Turns GraphQL into one statement, one transaction, one stream, one run. Knows no noun of the CRM."""
