-- Staged rows that no part of the scope is about: of another project, or without land in the sub-district.
SELECT
    s.row,
    s.code
FROM staged_row AS s
WHERE
    s.upload_id = :upload_id
    AND (CAST(:project AS text) IS NULL OR s.project_code IS DISTINCT FROM :project)
    AND (
        CAST(:sub_district AS text) IS NULL OR NOT EXISTS (
            SELECT 1
            FROM staged_portion AS o
            WHERE o.upload_id = s.upload_id AND o.row = s.row AND o.sub_district = :sub_district
        )
    )
ORDER BY s.row
