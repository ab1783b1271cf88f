-- The versions that this publication made of some rows of its file, or the rows of some versions.
SELECT
    v.upload_row AS row,
    v.id
FROM parcel_version AS v
WHERE
    v.recorded_from = :recorded_at AND NOT v.retired
    AND (v.upload_row = ANY(CAST(:rows AS bigint[])) OR v.id = ANY(CAST(:versions AS bigint[])))
