-- The members of a group that goes in this run need not be read any more.
DELETE FROM unavailable_group
WHERE run = $1 AND id IN (
    SELECT o.id
    FROM staged_object AS t
    CROSS JOIN object AS o ON o.key = t.object
    WHERE t.run = $1 AND t.how <> 0 AND o.kind = 1
)
