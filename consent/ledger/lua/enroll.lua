-- enroll: write one row of the registry, and let every process know.
--   KEYS[1] table hash  [2] version, an instant  [3] changes stream
--   with an endpoint's row: [4] removed hash  [5] disabled hash  [6] health hash  [7] rates hash
--   ARGV[1] row id  [2] row, '' to remove it
--   ARGV[3] 'put' | 'new' (leave an existing one alone) | 'swap' (only where the row is still what ARGV[4] says)
--           | 'seen' (only where the registry's version is still what ARGV[4] says)
--   ARGV[4] with 'swap': the row as it was read  with 'seen': the version that was decided on
--   returns the registry's version, unchanged where nothing changed; -1 where a swap came too late, or something was
--   changed since it was seen; -2 where one of that name was removed, and what it was owed is to be forgotten first
-- Why the version is no count: a failover may lose a change that somebody has read already. The next one would come to
-- the same number, and he would keep for ever what nobody else knows of.
-- Why a new endpoint's health is taken away: it is of one before, from who had not heard that it was removed.
local function enroll(keys, args)
  local before = redis.call('HGET', keys[1], args[1]) or ''
  local seen = tonumber(redis.call('GET', keys[2]) or '0')
  if args[3] == 'swap' and before ~= args[4] then return -1 end
  if args[3] == 'seen' and seen ~= tonumber(args[4]) then return -1 end
  local is_kept = before == args[2] or (args[3] == 'new' and before ~= '')
  if is_kept then return seen end
  if keys[4] and before == '' then
    if redis.call('HEXISTS', keys[4], args[1]) == 1 then return -2 end
    for i = 5, #keys do redis.call('HDEL', keys[i], args[1]) end
  end
  if args[2] == '' then
    redis.call('HDEL', keys[1], args[1])
  else
    redis.call('HSET', keys[1], args[1], args[2])
  end
  local version = math.max(seen + 1, now_ms())
  local written = string.format('%.0f', version)
  redis.call('SET', keys[2], written)
  redis.call('XADD', keys[3], 'MAXLEN', '~', 1000, '*', 'version', written, 'row', args[1])
  return version
end

register('enroll', enroll)
