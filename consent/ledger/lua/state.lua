-- state: how a consent state lies in its hash, 24 bytes, and how origins are kept once and numbered.
--
--   status  c1  i opted in · o opted out · p pending · q pending, and a confirmation is promised
--   actor   c1  r recipient · a account · o operator · i import; of what a STOP known in time would have kept out:
--               R recipient, an answer · A account, O operator, unless she had stopped herself
--   at      I6  the instant that decided, unix ms
--   in_at   I4  opted in since, unix s, 0 for never; while pending: until when a YES counts, 0 for ever
--   out_at  I4  opted out since, unix s, 0 while not; kept while pending. Who has one is on the opt-out list
--   sequence I5                                            origin  I3  its number in the origins hash
--
-- consent/ledger/state.py reads the same layout. Why packed: a bucket of some hundred of these stays a listpack,
-- 45 bytes a number instead of 230 as a hash of its own. Why 'until' is kept: no reader needs to know the setting.
local LAYOUT = '>c1c1I6I4I4I5I3'

local function unpack_state(packed)
  if not packed then return nil end
  local status, actor, at, in_at, out_at, sequence, origin = struct.unpack(LAYOUT, packed)
  local state = {
    status = status, actor = actor, at = at, in_at = in_at, out_at = out_at, sequence = sequence, origin = origin}
  if status == 'p' or status == 'q' then
    state.status, state.promised, state.in_at, state.until_s = 'p', status == 'q', 0, in_at
  end
  return state
end

local function pack_state(state)
  local status, in_at = state.status, state.in_at
  if status == 'p' then status, in_at = state.promised and 'q' or 'p', state.until_s end
  return struct.pack(LAYOUT, status, state.actor, state.at, in_at, state.out_at, state.sequence, state.origin)
end

-- What a state says at an instant, as a letter, 'u' for unknown. A question that nobody answered in time leaves what
-- held before it.
local function standing(state, at)
  if not state then return 'u' end
  if state.status ~= 'p' or state.until_s == 0 or at <= state.until_s * 1000 then return state.status end
  return state.out_at > 0 and 'o' or 'u'
end

-- The number of an origin text: 'w' .. text -> number, '#' .. number -> text, in one hash.
local function origin_number(key, text)
  local number = redis.call('HGET', key, 'w' .. text)
  if number then return tonumber(number) end
  number = redis.call('HINCRBY', key, 'count', 1)
  redis.call('HSET', key, 'w' .. text, number, '#' .. number, text)
  return number
end
