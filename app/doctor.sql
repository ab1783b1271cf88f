-- One row of facts about the database, as seen by the app's role.
SELECT
    current_setting('server_version_num')::integer AS server_version,
    postgis_lib_version() AS postgis_version,
    current_setting('data_checksums') = 'on' AS has_checksums,
    current_user::text AS role_name,
    role.rolsuper OR role.rolcreaterole OR role.rolcreatedb OR role.rolbypassrls AS is_privileged,
    (
        (SELECT count(*) FROM pg_class AS c WHERE c.relowner = role.oid)
        + (SELECT count(*) FROM pg_namespace AS n WHERE n.nspowner = role.oid)
        + (SELECT count(*) FROM pg_proc AS p WHERE p.proowner = role.oid)
        + (SELECT count(*) FROM pg_database AS d WHERE d.datdba = role.oid)
    ) AS owned,
    has_schema_privilege('public', 'CREATE')
    OR has_database_privilege(current_database(), 'CREATE, TEMPORARY') AS may_create,
    to_regclass('jobs.procrastinate_jobs') IS NOT NULL AS has_queue,
    (SELECT g.srid FROM geometry_columns AS g WHERE g.f_table_name = 'parcel_version') AS srid
FROM pg_roles AS role
WHERE role.rolname = current_user
