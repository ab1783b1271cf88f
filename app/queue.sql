-- Jobs that wait or whose worker is dead, and workers that have been heard of lately. Silence is in seconds.
SELECT
    (
        SELECT count(*)
        FROM jobs.procrastinate_jobs AS j
        LEFT JOIN jobs.procrastinate_workers AS w ON j.worker_id = w.id
        WHERE
            j.status = 'todo'
            OR (
                j.status = 'doing'
                AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :silent_seconds))
            )
    ) AS waiting,
    (
        SELECT count(*)
        FROM jobs.procrastinate_workers AS w
        WHERE w.last_heartbeat >= now() - make_interval(secs => :silent_seconds)
    ) AS workers
