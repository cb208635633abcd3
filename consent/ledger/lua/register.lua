-- register: a function under its name and the library's version, which stands in front of this.
--
-- Left to itself the interpreter throws nothing away until that is as much as all that lives, 150 KB, most of it this
-- library; by then neither is in the processor's nearer caches. Sooner and in larger steps, a list costs the store a
-- tenth less, and less varies from one processor to another. While a library is loaded nobody may say so: the first
-- call does.
local is_paced = false

local function register(name, callback, ...)
  local function paced(keys, args)
    if not is_paced then
      collectgarbage('setpause', 130)
      collectgarbage('setstepmul', 400)
      is_paced = true
    end
    return callback(keys, args)
  end
  redis.register_function{function_name = name .. '_' .. VERSION, callback = paced, flags = {...}}
end
