SELECT count(*) FROM unavailable_group WHERE run = $1
