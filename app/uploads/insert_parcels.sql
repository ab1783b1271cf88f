-- Identities for the codes that the inventory has never seen.
-- The cast matters: an array of another integer type is searched from end to end for every row.
INSERT INTO parcel (code)
SELECT s.code
FROM staged_row AS s
LEFT JOIN parcel AS p ON s.code = p.code
WHERE s.upload_id = :upload_id AND s.row = ANY(CAST(:rows AS bigint[])) AND p.id IS NULL
ORDER BY s.row
