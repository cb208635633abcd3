-- head: the first delivery of a lane, how it is written, and which goes first.
--
-- A lane is all that one endpoint is owed about one recipient, in order; its first delivery, the head, is the only one
-- that may be attempted. heads: recipient -> 'event attempts mark token' (token '-' while no dispatcher holds it).
-- lane: 'event mark' of what waits behind. mark: '1' an opt-out, '0' any other; in a replay 'R' and 'r'; 'l' of a list.
-- In heads a '!' follows it where an opt-out, a '1', waits behind: the head goes as early as that would.
-- due: recipient by time, in four bands one BAND apart, so that each can be asked for alone:
--     -1 opt-outs   0 all others   1 opt-outs that were tried before   2 others that were tried before
-- Replays and lists are filed as what was tried before: however many they are, what was just said goes first.
-- next: endpoint by the time its first head is due, so that nobody looks at an endpoint that is owed nothing yet.
-- unheard: the opt-outs that an endpoint was not told of, wherever they wait, by the time they were recorded; and under
-- the same name without the endpoint, which endpoints have such, none older than the score says (lua/unheard.lua).
local BAND = 8796093022208 -- 2^43 ms, later than any clock

local OPT_OUT = {['1'] = true, R = true}
local IN_BULK = {R = true, r = true, l = true}
local REPLAYED = {R = true, r = true}

local function band(one)
  local is_hurried = one.hurry == '!'
  local is_behind_others = one.attempts > 0 or (IN_BULK[one.mark] and not is_hurried)
  return ((OPT_OUT[one.mark] or is_hurried) and -1 or 0) + (is_behind_others and 2 or 0)
end

local function head(one, token)
  return one.event .. ' ' .. one.attempts .. ' ' .. one.mark .. one.hurry .. ' ' .. token
end

local function parse_head(text)
  if not text then return nil end
  local event, attempts, mark, hurry, token = string.match(text, '^(%S+) (%S+) (%w)(!?) (%S+)$')
  return {event = event, attempts = tonumber(attempts), mark = mark, hurry = hurry, token = token}
end
