-- Versions that were never true after all: kept for what was known before.
UPDATE parcel_version
SET recorded_to = :recorded_at
WHERE recorded_from = :made_at
