-- forgive: an endpoint starts afresh, or what happened to it is in the event log now.
--   KEYS[1] health hash  [2] registry changes stream
--   ARGV[1] endpoint  [2] 'afresh' (somebody enabled it) | 'told'  [3] with 'told': the instant of the transition
--   returns the record as JSON, '' where there is nothing to remember
-- Why 'afresh' keeps the word: its account was told that it fails, and will be told when it does no more.
local function forgive(keys, args)
  local before = redis.call('HGET', keys[1], args[1])
  if not before then return '' end
  local health = read_health(before)
  if args[2] == 'afresh' then
    if health.opened > 0 then redis.call('XADD', keys[2], 'MAXLEN', '~', 1000, '*', 'health', args[1]) end
    forget_failures(health)
  else
    for i = #health.untold, 1, -1 do
      if string.format('%.0f', health.untold[i].at) == args[3] then table.remove(health.untold, i) end
    end
  end
  local after = write_health(health)
  if after then redis.call('HSET', keys[1], args[1], after) else redis.call('HDEL', keys[1], args[1]) end
  return after or ''
end

register('forgive', forgive, 'allow-oom')
