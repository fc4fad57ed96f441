// Package runnertest has a [runner.Solver] without a builder: it plays a script
// of what happens in each build, so that tests can see everything that a run
// shows and reports. It knows no builder, and it does not judge what it plays.
//
// A script is a text of lines; what follows a # is a comment. Values with blanks
// are quoted as in Go.
//
//	builder NAME                  what Session.Builder returns; the default is "fake"
//	open ERROR [KEY=VALUE...]     the next attempt to open a session fails
//	close ERROR [cache=WHERE] [read] [required] [absent]
//	                              sessions end with an error, or with a cache fault
//	changed PATH WHAT [in=CONTEXT]
//	                              a file of a local context changed
//	target NAME                   what happens when the target is built, on the
//	                              lines that follow; a second section with the same
//	                              name is the second attempt, and so on
//
// In the section of a target:
//
//	step NAME [took=DURATION] [sent=BYTES] [log=FILE] [id=ID]
//	                              a step, such as "[build 2/3] RUN make"
//	| TEXT                        a line that the step prints
//	done, cached, error TEXT      the end of the step; "done" may be left out
//	warning TEXT [file=FILE] [line=N]
//	wait DURATION                 time goes by
//	evaluated                     the stages are done
//	fail TEXT [KEY=VALUE...]      the build fails. Keys are those of [runner.Failure]:
//	                              stage, file, line, exit, reason, fault=user or
//	                              infrastructure, transient, lost, after=DURATION,
//	                              disk-full; the log is that of the last step
//	digest DIGEST                 the result
//	size BYTES [stage=NAME] [built=BYTES]
//	output TYPE WHERE [size=BYTES]
//	tag NAME DIGEST               a tag that is not published yet
//	test NAME [took=DURATION] [fails=TEXT]
//
// A target without a section is built without a step. The stages of a build are
// done at the line "evaluated", or else after the last step; what comes later,
// such as fail or wait, is part of its outputs. Steps of the same id are one.
package runnertest
