-- Our functions are made anew after every migration. Replacing one whose parameters or columns changed would fail, or
-- leave its older form beside it.
DO
$$
DECLARE
    signature text;
BEGIN
    FOR signature IN
        SELECT p.oid::regprocedure
        FROM pg_proc AS p
        INNER JOIN pg_language AS l ON p.prolang = l.oid
        WHERE p.pronamespace = 'public'::regnamespace AND l.lanname = 'sql' AND p.proowner = current_user::regrole
            AND p.proname NOT LIKE 'procrastinate%'
            AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE 'DROP FUNCTION ' || signature;
    END LOOP;
END
$$;
