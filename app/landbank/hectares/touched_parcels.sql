-- The parcels of which a publication changed anything that is counted.
-- first: those with a first version; changed: those of which it changed anything else, or which carry such land on. A
-- parcel that is first and not changed has one version and no events, and is cut along the place borders of one time:
-- it is in the inventory from its effective date on, and that is all.
WITH version AS MATERIALIZED (
    SELECT
        v.parcel_id,
        v.version = 1 AND v.part_of_id IS NULL AND NOT v.retired AND v.recorded_from = :recorded_at AS is_first
    FROM parcel_version AS v
    WHERE v.recorded_from = :recorded_at OR v.recorded_to = :recorded_at
),

changed AS MATERIALIZED (
    SELECT v.parcel_id
    FROM version AS v
    WHERE NOT v.is_first
    UNION
    SELECT e.parcel_id
    FROM land_event AS e
    WHERE e.recorded_at = :recorded_at
    UNION
    SELECT v.parcel_id
    FROM portion AS o
    INNER JOIN parcel_version AS v ON o.parcel_version_id = v.id
    WHERE
        (o.recorded_from = :recorded_at OR o.recorded_to = :recorded_at)
        AND (
            v.recorded_from <> :recorded_at
            OR o.recorded_to IS NOT NULL OR o.boundary_from > v.effective_date OR o.boundary_to < '9999-01-01'
        )
    UNION
    SELECT p.id
    FROM lineage_operation AS o
    INNER JOIN lineage_link AS l ON coalesce(o.reverses_id, o.id) = l.operation_id
    CROSS JOIN LATERAL (VALUES (l.parent_parcel_id), (l.child_parcel_id)) AS p (id)
    WHERE o.recorded_at = :recorded_at
),

carried AS (
    SELECT h.parcel_id
    FROM carried_land(:recorded_at) AS h
    CROSS JOIN unnest(h.path) AS holder (id)
    WHERE
        holder.id IN (SELECT v.parcel_id FROM version AS v)
        OR holder.id IN (SELECT c.parcel_id FROM changed AS c)
)

SELECT
    ARRAY(SELECT v.parcel_id FROM version AS v WHERE v.is_first) AS first,
    ARRAY(
        SELECT c.parcel_id
        FROM changed AS c
        UNION
        SELECT d.parcel_id
        FROM carried AS d
    ) AS changed
