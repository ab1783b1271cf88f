-- Versions of this publication, and stored versions of other parcels, whose boxes meet in one layer.
-- Only boxes are compared here: the overlay of user geometry belongs into the limited child process.
-- Where nothing is stored within the box around the whole publication, nothing is looked up for each version.
-- Not compared with what a parcel came from: that is the same land, one after the other.
-- successors, gone: the same of stored ones that were retired before the new version holds. In the inventory they share
-- no day; in the bank they may, where an entry comes late.
WITH line AS MATERIALIZED (
    SELECT
        h.parcel_id,
        h.path
    FROM carried_land(CAST(:recorded_at AS timestamptz)) AS h
),

extent AS (
    SELECT ST_SetSRID(ST_Extent(v.geom)::geometry, :srid) AS box
    FROM parcel_version AS v
    WHERE v.recorded_from = :recorded_at AND NOT v.retired
)

SELECT
    coalesce(array_agg(DISTINCT new.id) FILTER (WHERE g.parcel_id IS NULL), '{}') AS new,
    coalesce(array_agg(DISTINCT old.id) FILTER (WHERE g.parcel_id IS NULL), '{}') AS stored,
    coalesce(array_agg(DISTINCT new.id) FILTER (WHERE g.parcel_id IS NOT NULL), '{}') AS successors,
    coalesce(array_agg(DISTINCT old.id) FILTER (WHERE g.parcel_id IS NOT NULL), '{}') AS gone
FROM parcel_version AS new
INNER JOIN parcel_version AS old
    ON new.geom && old.geom AND new.layer = old.layer AND new.parcel_id <> old.parcel_id
LEFT JOIN LATERAL (
    SELECT w.parcel_id
    FROM parcel_version AS w
    WHERE
        w.parcel_id = old.parcel_id AND w.retired AND w.recorded_to IS NULL
        AND w.version > old.version AND w.effective_date <= new.effective_date
    ORDER BY w.version
    LIMIT 1
) AS g ON TRUE
WHERE
    new.recorded_from = :recorded_at AND old.recorded_from < :recorded_at AND old.recorded_to IS NULL
    AND EXISTS (
        SELECT 1
        FROM parcel_version AS any_old
        INNER JOIN extent ON any_old.geom && extent.box
        WHERE any_old.recorded_from < :recorded_at AND any_old.recorded_to IS NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM line AS l
        WHERE l.parcel_id = new.parcel_id AND old.parcel_id = ANY(l.path)
    )
    AND NOT new.retired AND NOT old.retired
