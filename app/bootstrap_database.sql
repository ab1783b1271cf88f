-- Inside one of the private cluster's databases, by its superuser: the extension is installed before anybody else can
-- create objects that its script would trust (CVE-2022-2625); nobody but the owner creates, not even temporary tables.
CREATE EXTENSION IF NOT EXISTS postgis;
ALTER SCHEMA public OWNER TO landbank_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
DO
$$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO landbank_app', current_database());
END
$$;
