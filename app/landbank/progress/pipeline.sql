-- Land on its way: parcels that the inventory holds on a day, by the stage that their project is at, with the share of
-- such land that is expected to count by the year's end (stage_weight, data). Retained land is on no way to anywhere.
-- What already happened to a parcel by then says for which measures it is still to come.
-- A project's stage is what was known at the moment asked for; projects record no other date for it.
SELECT
    m.programme,
    m.top AS category,
    m.land_category AS subcategory,
    m.sub_district,
    v.role,
    s.stage,
    w.low,
    w.mid,
    w.high,
    coalesce(d.entered, FALSE) AS entered,
    coalesce(d.supplied, FALSE) AS supplied,
    coalesce(d.handed_over, FALSE) AS handed_over,
    sum(m.counted_square_metres) AS square_metres
FROM
    matching_piece(
        known_at => :known_at, measure => 'inventory', first_day => CAST(:as_of AS date),
        last_day => CAST(:as_of AS date), layer => ARRAY['surface']
    ) AS m
INNER JOIN parcel_version AS v ON m.version_id = v.id AND v.role <> 'retained'
INNER JOIN project AS p ON m.project_code = p.code AND m.programme = p.programme
INNER JOIN project_version AS s
    ON
        p.id = s.project_id AND s.recorded_from <= :known_at
        AND (s.recorded_to IS NULL OR s.recorded_to > :known_at)
INNER JOIN stage_weight AS w
    ON
        p.programme = w.programme AND s.stage = w.stage AND w.recorded_from <= :known_at
        AND (w.recorded_to IS NULL OR w.recorded_to > :known_at)
LEFT JOIN (
    -- What happened to a parcel before it was split or merged has happened to its children's land.
    SELECT
        coalesce(h.parcel_id, e.parcel_id) AS parcel_id,
        bool_or(e.type = 'bank_entry' AND e.counts) AS entered,
        bool_or(e.type = 'supply') AS supplied,
        bool_or(e.type = 'handover') AS handed_over
    FROM live_event(CAST(:known_at AS timestamptz)) AS e
    LEFT JOIN carried_land(CAST(:known_at AS timestamptz)) AS h
        ON e.version_id = h.root_version_id AND h.held_from <= :as_of
    WHERE e.counted_on <= :as_of
    GROUP BY coalesce(h.parcel_id, e.parcel_id)
) AS d ON m.parcel_id = d.parcel_id
GROUP BY
    m.programme, m.top, m.land_category, m.sub_district, v.role, s.stage, w.low, w.mid, w.high, d.entered, d.supplied,
    d.handed_over
ORDER BY m.programme, s.stage
