-- The private cluster's two roles. Run by its superuser at every start, so that it also mends what was changed by hand.
--   landbank_owner  owns the database and its schema, migrates; not a superuser
--   landbank_app    the service; owns nothing
-- Set first: landbank.owner_password, landbank.app_password
DO
$$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['landbank_owner', 'landbank_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I', role_name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L',
            role_name, current_setting(replace(role_name, '_', '.') || '_password')
        );
    END LOOP;
END
$$;
-- A statement or a lock that takes this long is a fault, not work; the publish lock waits for a whole upload of others.
ALTER ROLE landbank_app SET statement_timeout = '10min';
ALTER ROLE landbank_app SET lock_timeout = '2min';
ALTER ROLE landbank_app SET idle_in_transaction_session_timeout = '15min';
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
