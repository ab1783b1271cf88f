-- Parcels with the outlines of outline (n, geom as WKB, plane square metres), COPYed before: one portion each in a
-- hundred sub-districts, ten categories, both programmes; every twentieth is in the land bank. Plane square metres are
-- the outlines' own, so that a naive overlay gives the same figures; ellipsoidal ones are taken to be the same here.
INSERT INTO publication (recorded_at, actor, action, subject)
VALUES (clock_timestamp(), 'bench', 'upload', 'bench');

INSERT INTO parcel (code)
SELECT 'S' || lpad(n::text, 8, '0')
FROM outline
ORDER BY n;

INSERT INTO parcel_version (
    parcel_id, version, geom, programme, role, layer, land_category, plane_square_metres, ellipsoidal_square_metres,
    source_crs, method, effective_date, content_sha256, recorded_from
)
SELECT
    p.id,
    1,
    ST_Multi(ST_GeomFromWKB(m.geom, :srid)),
    CASE WHEN m.n % 3 = 0 THEN 'renewal' ELSE 'consolidation' END,
    'handover',
    'surface',
    (ARRAY[
        'industrial', 'commodity_housing', 'public_housing', 'school', 'hospital', 'elderly_care', 'road', 'rail',
        'other', 'residential_potential'
    ])[1 + m.n / 20 % 10],
    round(m.plane::numeric, 4),
    round(m.plane::numeric, 4),
    'EPSG:' || :srid,
    'polygon',
    date '2020-01-01' + (m.n * 7919 % 1800)::int,
    sha256(p.code::bytea),
    (SELECT max(recorded_at) FROM publication)
FROM outline AS m
INNER JOIN parcel AS p ON 'S' || lpad(m.n::text, 8, '0') = p.code
ORDER BY m.n;

INSERT INTO portion (
    parcel_version_id, district, sub_district, plane_square_metres, ellipsoidal_square_metres, recorded_from
)
SELECT
    v.id,
    '440307',
    '440307' || lpad((v.parcel_id * 100 / :count % 100)::text, 3, '0'),
    v.plane_square_metres,
    v.ellipsoidal_square_metres,
    v.recorded_from
FROM parcel_version AS v;

INSERT INTO document (type, number, date, issuer, recorded_at)
SELECT
    'handover_confirmation',
    '移交1',
    date '2021-01-01',
    '区土地整备中心',
    max(recorded_at)
FROM publication;

INSERT INTO land_event (
    type, parcel_id, parcel_version_id, land_category, effective_date, document_id, actor, recorded_at
)
SELECT
    'bank_entry',
    v.parcel_id,
    v.id,
    v.land_category,
    d.date,
    d.id,
    'bench',
    v.recorded_from
FROM parcel_version AS v
CROSS JOIN document AS d
WHERE v.parcel_id % 20 = 0;

DROP TABLE outline;

ANALYZE;
