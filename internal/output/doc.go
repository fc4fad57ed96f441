// Package output writes every file and folder that orch writes. A name leads
// where it leads for any other program: a symbolic link is followed, and a
// device, a FIFO, a socket or a descriptor such as /dev/stdout is written to.
// What is written to a regular file, or to none yet, is written aside, beside
// the place that the name leads to, and put there in one step when it is
// complete, so that whoever reads sees the old content or the new one.
//
// # When one step is not possible
//
// A file with several names (hard links) keeps them: the complete new content
// is copied into it, as a program that opens and writes it would do. The same
// happens where the file may be written but not replaced: it is a mount point,
// its folder is read-only, it belongs to someone else, or the file system
// refuses to rename. A copy of the old content is kept until that is done, and
// put back if it fails.
//
// # Folders
//
// A folder that is there already gets its new files one by one, each in one
// step. A link inside of it is replaced and never followed. What the folder
// held besides is removed last, if that is asked for.
//
// The package knows nothing of what it writes, and of permissions only that a
// name must lead to the same place at the end as at the beginning.
package output
