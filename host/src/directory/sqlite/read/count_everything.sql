SELECT users, groups FROM connector WHERE key = $1
