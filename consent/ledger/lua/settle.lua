-- settle: end a lease, and say what comes next.
--   KEYS[1] leased zset  [2] next zset  [3] due zset  [4] heads hash  [5] lane list  [6] unheard zset
--   KEYS[7] attempts stream    then, to bury and of a replay: [8] dead zset  [9] graves hash  [10] given-up hash
--   ARGV[1] endpoint  [2] recipient  [3] lease token  [4] 'done' | 'bury' | 'retry' | 'release'  [5] wait before a retry (ms)
--   ARGV[6] attempt record, '' for none  [7] attempts to keep
--   then, to bury: ARGV[8] what to write on the grave  [9] why it was given up
--   returns {'ok', when this lane is due next or '', 1 if it is filed as tried before, else 0} | {'not_yours'}
--   not_yours: a reaped lease is no longer ours to end
-- Why here: a dispatcher that lost its lease must not cancel its successor's retry.
local function settle(keys, args)
  local lane = {next = keys[2], due = keys[3], heads = keys[4], lane = keys[5], unheard = keys[6]}
  local held = parse_head(redis.call('HGET', keys[4], args[2]))
  if not held or held.token ~= args[3] then return {'not_yours'} end
  redis.call('ZREM', keys[1], args[1] .. '\31' .. args[2])
  if args[6] ~= '' then
    redis.call('XADD', keys[7], 'MAXLEN', '~', args[7], '*', 'endpoint', args[1], 'msisdn', args[2], 'event', held.event,
      'record', args[6])
  end
  if args[4] == 'done' or args[4] == 'bury' then
    if args[4] == 'bury' then
      redis.call('ZADD', keys[8], now_ms(), held.event)
      redis.call('HSET', keys[9], held.event, args[8])
      redis.call('HINCRBY', keys[10], args[9], 1)
    elseif REPLAYED[held.mark] and redis.call('ZREM', keys[8], held.event) == 1 then -- given up before it was replayed
      redis.call('HDEL', keys[9], held.event)
    end
    local at, was_tried = advance_lane(lane, args[1], args[2], held)
    return {'ok', tostring(at), was_tried}
  end
  if args[4] == 'retry' then held.attempts = held.attempts + 1 end
  redis.call('HSET', keys[4], args[2], head(held.event, held.attempts, held.mark, '-'))
  local at = now_ms() + tonumber(args[5])
  make_due(lane, args[1], args[2], held, at)
  return {'ok', tostring(at), (held.attempts > 0 or REPLAYED[held.mark]) and 1 or 0}
end

register('settle', settle, 'allow-oom')
