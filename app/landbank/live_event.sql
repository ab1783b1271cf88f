-- Which events hold, and which bank entries count: the reading of the recognition rules. Three functions:
--
--   evidence_complete  whether a parcel has the events and documents that a rule requires
--   live_event         land events that hold: recorded by known_at and not reversed by then, with the date that counts
--   parcel_category    the land category of a parcel through time
--
-- A recognition rule (data, one per programme and year of the document) says which evidence documents make a bank entry
-- count, what else the parcel must have by then, by which date it counts (the document's or the effective one), by
-- which square metres, and whether under the land category of the entry or that of the report's day. The default
-- counts handover confirmations, by the document's date, by ellipsoidal square metres (on the ellipsoid of the storage
-- CRS), under the category at the entry.

-- Whether the live events of a parcel, dated no later than on_day, hold every required event and document. Documents
-- beside the evidence document count too.
CREATE OR REPLACE FUNCTION evidence_complete(
    known_at timestamptz,
    parcel bigint,
    date_field text,
    on_day date,
    required_events text[],
    required_documents text[]
)
RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT
        required_events <@ coalesce(array_agg(e.type), '{}')
        AND required_documents <@ coalesce(array_agg(s.type), '{}')
    FROM land_event AS e
    INNER JOIN document AS d ON e.document_id = d.id
    INNER JOIN document AS s ON s.id = e.document_id OR s.id = ANY(e.supporting_ids)
    WHERE
        e.parcel_id = parcel
        AND e.recorded_at <= known_at
        AND e.type <> 'reversal'
        AND CASE date_field WHEN 'effective_date' THEN e.effective_date ELSE d.date END <= on_day
        AND NOT EXISTS (SELECT 1 FROM land_event AS x WHERE x.reverses_id = e.id AND x.recorded_at <= known_at)
$$;

CREATE OR REPLACE FUNCTION live_event(known_at timestamptz)
RETURNS TABLE (
    event_id bigint,
    type text,
    parcel_id bigint,
    version_id bigint,
    version bigint,
    programme text,
    project_code text,
    role text,
    layer text,
    land_category text,
    counted_on date,
    basis text,
    counts boolean,
    category_at text,
    rule_id bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT
        e.id,
        e.type,
        e.parcel_id,
        v.id,
        v.version,
        v.programme,
        v.project_code,
        v.role,
        v.layer,
        e.land_category,
        CASE r.date_field WHEN 'effective_date' THEN e.effective_date ELSE d.date END,
        r.basis,
        -- Retained land (role 'retained') stays with its owner and is never in the bank.
        e.type <> 'bank_entry' OR (
            d.type = ANY(r.document_types)
            AND v.role <> 'retained'
            AND (
                cardinality(r.required_events || r.required_documents) = 0
                OR evidence_complete(
                    known_at,
                    e.parcel_id,
                    r.date_field,
                    CASE r.date_field WHEN 'effective_date' THEN e.effective_date ELSE d.date END,
                    r.required_events,
                    r.required_documents
                )
            )
        ),
        r.category_at,
        r.id
    FROM land_event AS e
    INNER JOIN document AS d ON e.document_id = d.id
    INNER JOIN parcel_version AS v ON e.parcel_version_id = v.id
    INNER JOIN recognition_rule AS r
        ON v.programme = r.programme AND r.recorded_from <= known_at
            AND (r.recorded_to IS NULL OR r.recorded_to > known_at)
            AND (r.from_year IS NULL OR extract(YEAR FROM d.date) >= r.from_year)
            AND (r.to_year IS NULL OR extract(YEAR FROM d.date) <= r.to_year)
    WHERE
        e.recorded_at <= known_at
        AND e.type <> 'reversal'
        AND NOT EXISTS (SELECT 1 FROM land_event AS x WHERE x.reverses_id = e.id AND x.recorded_at <= known_at)
$$;

-- The land category of a parcel through time, by its versions: each from its effective date, the first one since ever.
-- A later version that takes effect no later than an earlier one replaces it altogether.
CREATE OR REPLACE FUNCTION parcel_category(known_at timestamptz, parcel bigint)
RETURNS TABLE (land_category text, since date, until date)
LANGUAGE sql STABLE
AS $$
    SELECT
        v.land_category,
        CASE
            WHEN row_number() OVER (ORDER BY v.effective_date) = 1 THEN CAST('-infinity' AS date)
            ELSE v.effective_date
        END,
        coalesce(v.ends_on, CAST('infinity' AS date))
    FROM (
        SELECT
            w.land_category,
            w.effective_date,
            min(w.effective_date) OVER (
                ORDER BY w.version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
            ) AS ends_on
        FROM parcel_version AS w
        WHERE
            w.parcel_id = parcel AND w.part_of_id IS NULL
            AND w.recorded_from <= known_at AND (w.recorded_to IS NULL OR w.recorded_to > known_at)
    ) AS v
    WHERE v.ends_on IS NULL OR v.ends_on > v.effective_date
$$;
