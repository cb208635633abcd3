-- settle: end leases of one partition, and say what comes next.
--   KEYS[1] leased zset  [2] next zset  [3] stream of the attempts that went well  [4] of those that told of an opt-out
--     [5] of those that did not go well
--   then for each endpoint: due zset, heads hash, unheard zset, dead zset, graves hash, given-up hash, and the lane list
--     of each of its leases
--   ARGV[1] [2] [3] how many of each of the three to keep, for none shall be displaced by a flood of another
--   then for each endpoint: its id, how many leases, and for each of these: recipient, lease token, attempt record ('' for
--     none), and what comes next: 'done' | 'retry' and the wait (ms) | 'release' and the wait (ms) | 'bury', why, and what
--     to write on the grave
--   returns for each lease: '-' if it is no longer the caller's to end | '' | 'u' or 't' and when its lane is due next: with
--     what was never tried, or was
-- Why here: a dispatcher that lost its lease must not cancel its successor's retry.

-- A lease may be ended twice in one call: whoever stops cancels what waits to be settled, and gives the lease back.
local function settle_of(keys, endpoint, leases, answers)
  local recipients, ended, is_ended, left, now = {}, {}, {}, {}, now_ms()
  for i, one in ipairs(leases) do recipients[i] = one.recipient end
  for i, text in ipairs(redis.call('HMGET', keys.heads, unpack(recipients))) do
    local one, held = leases[i], parse_head(text)
    if not held or held.token ~= one.token or is_ended[one.recipient] then
      answers[one.place] = '-'
    else
      is_ended[one.recipient] = true
      one.event, one.attempts, one.mark, one.hurry = held.event, held.attempts, held.mark, held.hurry
      ended[#ended + 1] = endpoint .. '\31' .. one.recipient
      if one.record ~= '' then note_attempt(keys, endpoint, one) end
      if is_over(keys, one, now) then
        left[#left + 1] = one
      else
        answers[one.place] = come_again(keys, endpoint, one, now)
      end
    end
  end
  if #ended > 0 then redis.call('ZREM', keys.leased, unpack(ended)) end
  if #left > 0 then leave_lanes(keys, endpoint, left, now, answers) end
end

local function settle(keys, args)
  local attempts = {name = keys[3], kept = args[1]}
  local told = {name = keys[4], kept = args[2]}
  local failures = {name = keys[5], kept = args[3]}
  local answers, slot, i = {}, 6, 4
  while i <= #args do
    local endpoint, leases = args[i], {}
    local of = {leased = keys[1], next = keys[2], attempts = attempts, told = told, failures = failures,
      due = keys[slot], heads = keys[slot + 1], unheard = keys[slot + 2], dead = keys[slot + 3],
      graves = keys[slot + 4], given_up = keys[slot + 5]}
    slot = slot + 6
    for at = i + 2, i + 4 * args[i + 1], 4 do
      answers[#answers + 1] = ''
      leases[#leases + 1] = {place = #answers, lane = keys[slot], recipient = args[at], token = args[at + 1],
        record = args[at + 2], next = args[at + 3]}
      slot = slot + 1
    end
    settle_of(of, endpoint, leases, answers)
    i = i + 2 + 4 * args[i + 1]
  end
  return answers
end

register('settle', settle, 'allow-oom')
