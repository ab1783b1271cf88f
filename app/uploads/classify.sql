-- What the staged parcel rows mean for the inventory: how many are new, changed and unchanged (rows without a number),
-- and each changed row whose outline moves in the ledger, or whose parcel was split or merged and is no longer there.
-- A row is unchanged when everything read from it, geometry included, has the SHA-256 of the newest version.
WITH staged AS MATERIALIZED (
    SELECT
        s.row,
        s.code,
        CASE
            WHEN v.id IS NULL THEN 'new'
            WHEN v.content_sha256 = s.content_sha256 THEN 'unchanged'
            ELSE 'changed'
        END AS fate,
        coalesce(
            v.content_sha256 <> s.content_sha256
            AND ST_AsEWKB(v.geom) <> s.geom
            AND (
                h.parcel_id IS NOT NULL
                OR EXISTS (
                    SELECT 1
                    FROM land_event AS e
                    WHERE
                        e.parcel_id = p.id
                        AND e.type <> 'reversal'
                        AND NOT EXISTS (SELECT 1 FROM land_event AS r WHERE r.reverses_id = e.id)
                )
            ), FALSE
        ) AS outline_in_ledger,
        h.parcel_id IS NOT NULL AS carries,
        g.retired_on
    FROM staged_row AS s
    LEFT JOIN parcel AS p ON s.code = p.code
    LEFT JOIN LATERAL (
        SELECT
            newest.id,
            newest.content_sha256,
            newest.geom
        FROM parcel_version AS newest
        WHERE newest.parcel_id = p.id AND newest.recorded_to IS NULL AND newest.part_of_id IS NULL
        ORDER BY newest.version DESC
        LIMIT 1
    ) AS v ON TRUE
    LEFT JOIN (
        SELECT DISTINCT c.parcel_id FROM carried_land(clock_timestamp()) AS c
    ) AS h ON p.id = h.parcel_id
    LEFT JOIN retired(clock_timestamp()) AS g ON p.id = g.parcel_id
    WHERE s.upload_id = :upload_id AND NOT s.row = ANY(CAST(:left_out AS bigint[]))
)

SELECT
    t.fate,
    count(*) AS rows,
    NULL AS row,
    NULL AS code,
    FALSE AS outline_in_ledger,
    FALSE AS carries,
    NULL AS retired_on
FROM staged AS t
GROUP BY t.fate
UNION ALL
SELECT
    t.fate,
    0,
    t.row,
    t.code,
    t.outline_in_ledger,
    t.carries,
    t.retired_on
FROM staged AS t
WHERE t.fate = 'changed' AND (t.outline_in_ledger OR t.retired_on IS NOT NULL OR :every_change)
ORDER BY row NULLS FIRST
