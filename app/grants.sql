-- What the app's role may do. It owns nothing. Set the role first:
--   SET landbank.app_role = 'landbank_app';
DO
$$
DECLARE
    app_role text := current_setting('landbank.app_role');
    item record;
BEGIN
    IF app_role = current_user THEN
        RAISE NOTICE 'the app uses the owner''s role: only the triggers protect the ledger';
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', app_role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I', app_role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %I', app_role);
    -- The queue's own tables: jobs come and go.
    EXECUTE format('GRANT USAGE ON SCHEMA jobs TO %I', app_role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO %I', app_role);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO %I', app_role);
    FOR item IN
        SELECT c.relname,
            CASE
                -- Append-only: written once.
                WHEN c.relname IN ('publication', 'land_event', 'document', 'document_file', 'audit_entry', 'parcel',
                                   'project', 'parcel_overlap', 'overlap_face_member', 'lineage_operation', 'lineage_link',
                                   'upload_state')
                    THEN 'INSERT'
                -- Working tables: rows come and go.
                WHEN c.relname IN ('staged_row', 'staged_portion', 'staged_overlaps', 'finding', 'hectares_key',
                                   'hectares_rollup', 'idempotency_key', 'posted_shape', 'tree_key', 'tree_node',
                                   'tree_parcel', 'saved_mapping', 'local_crs')
                    THEN 'INSERT, UPDATE, DELETE'
                -- Versioned or with a state: ended, never removed.
                ELSE 'INSERT, UPDATE'
            END AS privileges
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
            AND c.relname NOT IN ('alembic_version', 'spatial_ref_sys')
    LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %I FROM %I', item.relname, app_role);
        EXECUTE format('GRANT %s ON %I TO %I', item.privileges, item.relname, app_role);
    END LOOP;
END
$$;
