-- hold_part: keep one part of a concatenated text until its siblings are there.
--   KEYS[1] parts hash, 'number identity' -> part     KEYS[2] partials zset, group by the time to stop waiting
--   KEYS[3 ..] seen hashes
--   ARGV[1] group  [2] part number  [3] identity  [4] the part  [5] how many make the text  [6] wait (ms)
--   returns {'duplicate'} | {'waiting'} | {'complete', part ...}    complete again for a repeat, until `apply` settles it
-- Why the identity is in the field: a reference is one byte and comes round again; two texts must not swallow each other.
local function hold_part(keys, args)
  for slot = 3, #keys do
    if redis.call('HEXISTS', keys[slot], args[3]) == 1 then return {'duplicate'} end
  end
  redis.call('HSET', keys[1], args[2] .. ' ' .. args[3], args[4])
  local held = redis.call('HGETALL', keys[1])
  local numbers, distinct, reply = {}, 0, {'complete'}
  for i = 1, #held, 2 do
    local number = string.match(held[i], '^%S+')
    if not numbers[number] then distinct = distinct + 1 end
    numbers[number] = true
    reply[#reply + 1] = held[i + 1]
  end
  redis.call('ZADD', keys[2], 'NX', now_ms() + tonumber(args[6]), args[1])
  if distinct < tonumber(args[5]) then return {'waiting'} end
  return reply
end

register('hold_part', hold_part)
