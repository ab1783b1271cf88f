-- Overlap faces with their members: geometry is WKB in hex, in the storage CRS; square metres as text, exact.
WITH face AS MATERIALIZED (
    SELECT
        nextval(pg_get_serial_sequence('overlap_face', 'id')) AS id,
        f.wkb,
        f.district,
        f.sub_district,
        f.community,
        f.boundary_from,
        f.boundary_to,
        f.plane,
        f.ellipsoidal,
        f.members
    FROM jsonb_to_recordset(CAST(:faces AS jsonb)) AS f (
        wkb text, district text, sub_district text, community text, boundary_from date, boundary_to date,
        plane numeric, ellipsoidal numeric, members jsonb
    )
),

made AS (
    INSERT INTO overlap_face (
        id, geom, district, sub_district, community, boundary_from, boundary_to,
        plane_square_metres, ellipsoidal_square_metres, recorded_from
    )
    OVERRIDING SYSTEM VALUE
    SELECT
        face.id,
        ST_GeomFromWKB(decode(face.wkb, 'hex'), CAST(:srid AS integer)),
        face.district,
        face.sub_district,
        face.community,
        face.boundary_from,
        face.boundary_to,
        face.plane,
        face.ellipsoidal,
        :recorded_at
    FROM face
)

INSERT INTO overlap_face_member (face_id, parcel_version_id)
SELECT
    face.id,
    CAST(member.id AS bigint)
FROM face
CROSS JOIN LATERAL jsonb_array_elements_text(face.members) AS member (id)
