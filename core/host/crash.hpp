/// Names the plugin that crashed.
#pragma once

namespace cuecard::host {

/// Installs handlers of the signals that a crash raises. Inside a call into a plugin they print one sentence that names plugin,
/// component and function, and end the program with exit code 4, and so does a call of `exit`; elsewhere the crash takes its usual course. Called once.
void report_plugin_crashes();

/// `sentence` follows in the message of a crash from now on: what it loses, and what is kept. "": nothing. It must stay in memory.
void say_after_crash(const char* sentence);

} // namespace cuecard::host
