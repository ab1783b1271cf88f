-- The bank, and who holds land in it after parcels were split or merged:
--
--   live_lineage    what became of land, by operations that hold: recorded by known_at and not reversed by then
--   retired         parcels that were split or merged, with the day from which their children stand for them
--   carried_land    land whose credit such children carry on
--   banked_land     what is in the bank: the one definition of from when until when, and held by which parcel
--
-- An entry stays where it was recorded: on its parcel's version, with its day and category. Only the holder changes.

-- What became of land when parcels were split or merged (LineageLink), without operations that were reversed.
CREATE OR REPLACE FUNCTION live_lineage(known_at timestamptz)
RETURNS TABLE (
    effective_date date,
    parent_parcel_id bigint,
    parent_version_id bigint,
    child_parcel_id bigint,
    child_version_id bigint,
    land_version_id bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT
        o.effective_date,
        l.parent_parcel_id,
        l.parent_version_id,
        l.child_parcel_id,
        l.child_version_id,
        l.land_version_id
    FROM lineage_operation AS o
    INNER JOIN lineage_link AS l ON o.id = l.operation_id
    WHERE
        o.type IN ('split', 'merge')
        AND o.recorded_at <= known_at
        AND NOT EXISTS (SELECT 1 FROM lineage_operation AS x WHERE x.reverses_id = o.id AND x.recorded_at <= known_at)
$$;

CREATE OR REPLACE FUNCTION retired(known_at timestamptz)
RETURNS TABLE (parcel_id bigint, retired_on date)
LANGUAGE sql STABLE
AS $$
    SELECT
        l.parent_parcel_id,
        min(l.effective_date)
    FROM live_lineage(known_at) AS l
    GROUP BY l.parent_parcel_id
$$;

-- Who holds the land of a version (root) that events were recorded on, after its parcel was split or merged, and after
-- the next time, and so on. path: every parcel that has held it, the present one last; land_version_id: the version
-- whose portions are that land's square metres (the whole of the root, or the part that this holder has).
CREATE OR REPLACE FUNCTION carried_land(known_at timestamptz)
RETURNS TABLE (
    root_version_id bigint,
    land_version_id bigint,
    parcel_id bigint,
    version_id bigint,
    path bigint[],
    held_from date,
    held_to date
)
LANGUAGE sql STABLE
AS $$
    WITH RECURSIVE held AS (
        SELECT
            l.parent_version_id AS root_version_id,
            l.land_version_id,
            l.child_parcel_id,
            l.child_version_id,
            ARRAY[l.parent_parcel_id, l.child_parcel_id] AS path,
            l.effective_date
        FROM live_lineage(known_at) AS l
        INNER JOIN parcel_version AS v ON l.parent_version_id = v.id AND l.parent_parcel_id = v.parcel_id
        UNION ALL
        SELECT
            h.root_version_id,
            l.land_version_id,
            l.child_parcel_id,
            l.child_version_id,
            h.path || l.child_parcel_id,
            l.effective_date
        FROM held AS h
        INNER JOIN live_lineage(known_at) AS l
            ON h.child_parcel_id = l.parent_parcel_id AND h.land_version_id = l.parent_version_id
    )

    SELECT
        h.root_version_id,
        h.land_version_id,
        h.child_parcel_id,
        h.child_version_id,
        h.path,
        h.effective_date,
        r.retired_on
    FROM held AS h
    LEFT JOIN retired(known_at) AS r ON h.child_parcel_id = r.parcel_id
$$;

-- The bank: land is in from an entry that counts until the first exit after it.
-- A parcel that is split or merged hands its land on: from that day its children hold it, each its part, with the entry
-- and the land category that it came in with. Nothing enters a second time. An exit by any holder ends it for that
-- part. Square metres are those of the portions of version_id.
CREATE OR REPLACE FUNCTION banked_land(known_at timestamptz, parcels bigint[] DEFAULT NULL)
RETURNS TABLE (
    starts_on date,
    ends_on date,
    parcel_id bigint,
    version_id bigint,
    version bigint,
    event_id bigint,
    programme text,
    project_code text,
    land_category text,
    layer text,
    role text,
    basis text,
    category_at text
)
LANGUAGE sql STABLE
AS $$
    SELECT
        b.counted_on,
        least(b.left_on, r.retired_on),
        b.parcel_id,
        b.version_id,
        b.version,
        b.event_id,
        b.programme,
        b.project_code,
        b.land_category,
        b.layer,
        b.role,
        b.basis,
        b.category_at
    FROM (
        SELECT
            e.*,
            min(e.counted_on) FILTER (WHERE e.type = 'bank_exit') OVER (
                PARTITION BY e.parcel_id
                ORDER BY e.counted_on, e.event_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ) AS left_on
        FROM live_event(known_at) AS e
        WHERE e.type IN ('bank_entry', 'bank_exit') AND (parcels IS NULL OR e.parcel_id = ANY(parcels))
    ) AS b
    LEFT JOIN retired(known_at) AS r ON b.parcel_id = r.parcel_id
    WHERE b.type = 'bank_entry' AND b.counts
    UNION ALL
    SELECT
        greatest(e.counted_on, h.held_from),
        least(x.left_on, h.held_to),
        h.parcel_id,
        h.land_version_id,
        v.version,
        e.event_id,
        e.programme,
        e.project_code,
        e.land_category,
        e.layer,
        e.role,
        e.basis,
        e.category_at
    FROM carried_land(known_at) AS h
    INNER JOIN parcel_version AS v ON h.version_id = v.id
    INNER JOIN live_event(known_at) AS e ON h.root_version_id = e.version_id
    CROSS JOIN
        LATERAL (
            SELECT min(o.counted_on) AS left_on
            FROM live_event(known_at) AS o
            WHERE
                o.type = 'bank_exit' AND o.parcel_id = ANY(h.path)
                AND (o.counted_on, o.event_id) > (e.counted_on, e.event_id)
        ) AS x
    WHERE
        e.type = 'bank_entry' AND e.counts
        AND (parcels IS NULL OR h.parcel_id = ANY(parcels))
        AND (x.left_on IS NULL OR x.left_on > h.held_from)
$$;
