-- Each land category with the top of its tree, as known at a moment.
SELECT
    t.code,
    t.top
FROM top_category(:known_at) AS t
ORDER BY t.code
