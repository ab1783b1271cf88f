-- The ledger forgets nothing: a correction is a reversal plus a new event.
-- The app's role has no UPDATE, DELETE or TRUNCATE (grants.sql); this trigger stops the owner too, and says why.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS
$$
BEGIN
    RAISE EXCEPTION '% is append-only: record a reversal and a new event instead', TG_TABLE_NAME
        USING ERRCODE = '42501';
END
$$;

DO
$$
DECLARE
    ledger text;
BEGIN
    FOREACH ledger IN ARRAY ARRAY[
        'land_event', 'document', 'document_file', 'publication', 'audit_entry', 'lineage_operation', 'lineage_link',
        'upload_state'
    ] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS append_only ON %I', ledger);
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', ledger
        );
    END LOOP;
END
$$;
