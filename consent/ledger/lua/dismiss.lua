-- dismiss: take a row out of the registry, and what else is kept there under its name.
--   KEYS[1] table hash  [2] version counter  [3] changes stream
--   of an endpoint: [4] removed hash, name -> when  [5] disabled hash  [6] health hash  [7] rates hash
--   ARGV[1] row id  [2] the version that was decided on, '' for whatever it is by now, 'gone' for an endpoint that has no
--     row, and is owed something all the same, or something is said of it
--   returns the registry's version, unchanged where there was no such row; -1 where something was changed since
-- Why the removed hash: what an endpoint is owed lies in the partitions, and is purged after this. Whoever dies in
-- between has left its name there, for the dispatchers (dispatcher/app.py) or for who adds one of that name.
-- Why when the store is full, too: what the endpoint is owed can be forgotten only behind this.

-- Behind all that happened before, whatever the clock says by now: by this, one removal is told from another (purge.lua).
local function note_removal(keys, endpoint)
  local last = redis.call('XREVRANGE', keys[3], '+', '-', 'COUNT', 1)[1]
  local at = math.max(now_ms(), last and string.match(last[1], '^%d+') + 1 or 0)
  at = string.format('%.0f', at)
  redis.call('XADD', keys[3], 'MAXLEN', '~', 1000, at .. '-0', 'removed', endpoint)
  redis.call('HSET', keys[4], endpoint, at)
end

local function dismiss(keys, args)
  local version = tonumber(redis.call('GET', keys[2]) or '0')
  local is_there = redis.call('HEXISTS', keys[1], args[1]) == 1
  if args[2] == 'gone' then
    if is_there then return -1 end
  else
    if args[2] ~= '' and version ~= tonumber(args[2]) then return -1 end
    if not is_there then return version end
  end
  if keys[4] then note_removal(keys, args[1]) end
  for i = 5, #keys do redis.call('HDEL', keys[i], args[1]) end
  if not is_there then return version end
  return enroll({keys[1], keys[2], keys[3]}, {args[1], '', 'put'})
end

register('dismiss', dismiss, 'allow-oom')
