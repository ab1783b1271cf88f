-- Stored versions of other parcels whose boxes meet a version of this publication, in the same layer, and all that
-- hangs together with those by overlaps: what the faces of the touched clusters must be drawn anew from.
-- Only boxes are compared here: the overlay of user geometry belongs into the limited child process.
-- Not compared with what a parcel came from: that is the same land, one after the other.
WITH RECURSIVE line AS MATERIALIZED (
    SELECT
        h.parcel_id,
        h.path
    FROM carried_land(CAST(:recorded_at AS timestamptz)) AS h
),

near AS (
    SELECT DISTINCT old.id
    FROM parcel_version AS new
    INNER JOIN parcel_version AS old
        ON new.geom && old.geom AND new.layer = old.layer AND new.parcel_id <> old.parcel_id
    WHERE
        new.recorded_from = :recorded_at AND old.recorded_from < :recorded_at AND old.recorded_to IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM line AS l
            WHERE l.parcel_id = new.parcel_id AND old.parcel_id = ANY(l.path)
        )
        AND NOT new.retired AND NOT old.retired
        -- What was retired before the new version holds shares no day with it.
        AND NOT EXISTS (
            SELECT 1
            FROM parcel_version AS gone
            WHERE
                gone.parcel_id = old.parcel_id AND gone.retired AND gone.recorded_to IS NULL
                AND gone.version > old.version AND gone.effective_date <= new.effective_date
        )
),

pair AS (
    SELECT
        o.first_version_id AS a,
        o.second_version_id AS b
    FROM parcel_overlap AS o
    INNER JOIN parcel_version AS one ON o.first_version_id = one.id AND one.recorded_to IS NULL
    INNER JOIN parcel_version AS other ON o.second_version_id = other.id AND other.recorded_to IS NULL
),

cluster AS (
    SELECT near.id
    FROM near
    UNION
    SELECT CASE WHEN pair.a = cluster.id THEN pair.b ELSE pair.a END
    FROM cluster
    INNER JOIN pair ON cluster.id IN (pair.a, pair.b)
)

SELECT
    v.id,
    v.layer,
    ST_AsBinary(v.geom) AS geom
FROM cluster
INNER JOIN parcel_version AS v ON cluster.id = v.id
ORDER BY v.id
