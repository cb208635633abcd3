-- event: one entry of the log. Used by decide and apply.
--
-- One field, its parts in the order that consent/ledger/state.py reads: a field for each would cost twice the time and,
-- in the append-only file, twice the bytes. `told` is all that the caller knows and the decision does not touch; the
-- detail of the event, a JSON object or nothing, is the last of it.
local function log_event(change, type, campaign, status, previous, flags)
  change.sequence = change.sequence + 1
  return redis.call('XADD', change.log, '*', 'event', type .. '\31' .. campaign .. '\31' .. status .. '\31' ..
    previous .. '\31' .. flags .. '\31' .. change.sequence .. '\31' .. change.told)
end

-- The events that come about with a change, behind its own. attached: {type, told, is only logged if something changed}
local function log_attached(change, attached, campaign, reply)
  local told = change.told
  for _, one in ipairs(attached) do
    if change.has_changed or not one.if_changed then
      change.told = one.told
      reply[#reply + 1] = log_event(change, one.type, campaign, '', '', '')
    end
  end
  change.told = told
end

-- The confirmation that was promised for the day the opt-in holds: `subscribe` asked for both, CTA and NOTIFY.
local function keep_promises(change, reply)
  if not change.promises then return end
  local told = change.told
  change.told = string.match(told, '^.*\31') .. '{"request":"opt_in_confirmation"}'
  for _, campaign in ipairs(change.promises) do
    reply[#reply + 1] = log_event(change, 'message.requested', campaign, '', '', '')
  end
  change.told = told
end
