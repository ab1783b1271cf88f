-- Identities for the codes that the inventory has never seen.
INSERT INTO parcel (code)
SELECT s.code
FROM staged_row AS s
LEFT JOIN parcel AS p ON s.code = p.code
WHERE s.upload_id = :upload_id AND NOT s.row = ANY(CAST(:left_out AS bigint[])) AND p.id IS NULL
ORDER BY s.row
