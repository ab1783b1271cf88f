-- Codes of a question that nobody has ever known, now or before: a slip of the pen, which must not be told as 0
-- hectares. 'none' asks for what has no value. Before any categories are loaded none of them is unknown.
SELECT
    a.parameter,
    a.code
FROM unnest(CAST(:parameters AS text[]), CAST(:codes AS text[])) AS a (parameter, code)
WHERE
    a.code <> 'none'
    AND CASE
        WHEN a.parameter IN ('category', 'subcategory')
            THEN
                EXISTS (SELECT 1 FROM land_category)
                AND NOT EXISTS (SELECT 1 FROM land_category AS c WHERE c.code = a.code)
        WHEN a.parameter = 'project'
            THEN
                NOT EXISTS (SELECT 1 FROM project AS p WHERE p.code = a.code)
                AND NOT EXISTS (SELECT 1 FROM parcel_version AS v WHERE v.project_code = a.code)
        WHEN a.parameter = 'within' THEN NOT EXISTS (SELECT 1 FROM place AS p WHERE p.code = a.code)
        ELSE NOT EXISTS (SELECT 1 FROM place AS p WHERE p.code = a.code AND p.level = a.parameter)
    END
ORDER BY a.parameter, a.code
LIMIT 1
