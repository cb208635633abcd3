-- state: how a consent state lies in its hash, 24 bytes, and how origins are kept once and numbered.
--
--   status  c1  i opted in · o opted out · p pending
--   actor   c1  r recipient · a account · o operator · i import
--   at      I6  the instant that decided, unix ms
--   in_at   I4  opted in since, unix s, 0 for never        out_at  I4  opted out since
--   sequence I5                                            origin  I3  its number in the origins hash
--
-- consent/ledger/state.py reads the same layout. Why packed: a bucket of some hundred of these stays a listpack,
-- 45 bytes a number instead of 230 as a hash of its own.
local LAYOUT = '>c1c1I6I4I4I5I3'

local function unpack_state(packed)
  if not packed then return nil end
  local status, actor, at, in_at, out_at, sequence, origin = struct.unpack(LAYOUT, packed)
  return {status = status, actor = actor, at = at, in_at = in_at, out_at = out_at, sequence = sequence, origin = origin}
end

local function pack_state(state)
  return struct.pack(LAYOUT, state.status, state.actor, state.at, state.in_at, state.out_at, state.sequence, state.origin)
end

-- The number of an origin text: 'w' .. text -> number, '#' .. number -> text, in one hash.
local function origin_number(key, text)
  local number = redis.call('HGET', key, 'w' .. text)
  if number then return tonumber(number) end
  number = redis.call('HINCRBY', key, 'count', 1)
  redis.call('HSET', key, 'w' .. text, number, '#' .. number, text)
  return number
end
