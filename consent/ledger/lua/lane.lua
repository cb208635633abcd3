-- lane: one more delivery joins a lane, and what waits in it is found (lua/head.lua).

-- An opt-out came behind this head. One that waits for its next attempt waits on, and goes before the others then.
-- Returns whether it is due now.
local function hurry_head(keys, recipient, now)
  local held = parse_head(redis.call('HGET', keys.heads, recipient))
  if held.mark == '1' or held.hurry == '!' then return false end
  held.hurry = '!'
  redis.call('HSET', keys.heads, recipient, head(held, held.token))
  if held.token ~= '-' then return false end
  local at = due_at(keys, recipient) or now -- none yet where it was filed in this very step
  file(keys, keys.due, at + band(held) * BAND, recipient)
  return at <= now
end

-- One more delivery for a lane: its head if the lane is empty, else behind the others. A replay tells again what was
-- told, and a list what its owner knows, so nobody is unheard because of them. lease: {token, until when}, of who wants
-- to hold it at once if it is the head.
-- Returns what became of it: 'h' held, 'd' due, or it made the head due, 'b' behind another one.
local function join_lane(keys, endpoint, recipient, event, mark, at, lease)
  local one = {event = event, attempts = 0, mark = mark, hurry = ''}
  if mark == '1' then keep_unheard(keys, endpoint, event) end
  if redis.call('HSETNX', keys.heads, recipient, head(one, lease and lease.token or '-')) == 0 then
    redis.call('RPUSH', keys.lane, event .. ' ' .. mark)
    return mark == '1' and hurry_head(keys, recipient, at) and 'd' or 'b'
  end
  if lease then
    file(keys, keys.leased, lease.expires, endpoint .. '\31' .. recipient)
    return 'h'
  end
  make_due(keys, endpoint, recipient, one, at)
  return 'd'
end

local MARKS = {'1', '0', 'R', 'r', 'l'}

-- Whether it waits behind the head of its lane.
local function is_behind(lane, event)
  for _, mark in ipairs(MARKS) do
    if redis.call('LPOS', lane, event .. ' ' .. mark) then return true end
  end
  return false
end
