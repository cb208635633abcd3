-- dismiss: take a row out of the registry, and what else is kept there under its name.
--   KEYS[1] table hash  [2] version counter  [3] changes stream
--   of an endpoint: [4] removed hash, name -> when  [5] disabled hash  [6] health hash  [7] rates hash
--   ARGV[1] row id  [2] the version that was decided on, '' for whatever it is by now
--   returns the registry's version, unchanged where there was no such row; -1 where something was changed since
-- Why the removed hash: what an endpoint is owed lies in the partitions, and is purged after this. Whoever dies in
-- between has left its name there, for the dispatchers (dispatcher/app.py) or for who adds one of that name.
local function dismiss(keys, args)
  local version = tonumber(redis.call('GET', keys[2]) or '0')
  if args[2] ~= '' and version ~= tonumber(args[2]) then return -1 end
  if redis.call('HEXISTS', keys[1], args[1]) == 0 then return version end
  if keys[4] then redis.call('HSET', keys[4], args[1], string.format('%.0f', now_ms())) end
  for i = 5, #keys do redis.call('HDEL', keys[i], args[1]) end
  return enroll({keys[1], keys[2], keys[3]}, {args[1], '', 'put'})
end

register('dismiss', dismiss)
