// Package webhost is the driver for web accounts: a Unix user with a home, a limit on its
// disk, and a site that nginx serves. It works by programs as root, on this machine or over
// SSH (package shell), from a template for nginx.
//
//	driver, err := webhost.New(webhost.Options{Access: ssh})
//
// # Account
//
// The name of a service is the name of its user. The user has a group of its own, no
// password until one is set, and a login shell that lets it use SFTP only
// ([Options.Shell]). The home is readable by the user alone; the web server's group may
// pass through it, so that what is in it can be served and other customers see nothing of
// it. Directories within are made with the customer's rights, never with root's.
//
// # Site
//
// A [Spec] names the domains. Each belongs to one account of the server, which is decided
// by a link that only one can make (code domain_taken). nginx gets one file for each
// site, and one that answers 421 for names that no site has. Values are quoted for nginx
// and checked before: a domain is an A-label, a path is letters, digits and . _ -. The
// template of the host ([Options.Template]) gets them quoted.
//
// A file is put in place at once, tested with "nginx -t", and taken back if nginx refuses
// it (code nginx_refuses); then nginx is told to reload, and the call returns when new
// workers serve. One change at a time: a lock on the server sees to that. If a process
// is killed in between, the next change finishes or takes back what it left.
//
// nginx's main file includes [Paths.VHosts]/*.conf within http, and with long domains
// needs server_names_hash_bucket_size. HTTPS is a matter of the template, as is anything
// that runs programs.
//
// # Calls that were given up
//
// A program may go on, or even begin, when the process that wanted it is gone. On an
// account one program works at a time, and only for the call that began last (files below
// turns in [Paths.State]): what is late does nothing. Which call began last is told by
// their processes' clocks, within ten minutes. Code busy means that another has begun since.
//
// # Suspension
//
// The site answers 503 with [Options.Notice]. The user is expired and its password locked,
// so that neither passwords nor keys nor cron let it in, and its processes are killed.
// Resume gives the password back as it was.
//
// # Measuring
//
// [Driver.Usage] has the meters [DiskBytes], by du(1), and [TrafficBytes], from the log
// that the template writes to [Site.Log], whose last two fields are the bytes of answer
// and request. Rotate logs by renaming to .log.1 (.2, .3) and signal USR1, uncompressed
// until they have been measured; what a log loses by truncation in place is not counted.
// Measure before removing: the logs go with the account.
//
// With quotas of the file system ([Options.QuotaOn]) the limit is kept by the kernel.
// Without them Spec.DiskBytes is a note, and only the meter tells.
//
// # Ownership
//
// A record of root's below [Paths.State] carries the service's ID; it is the first thing
// there is of an account and the last. The user's entry carries a hash of it, too. What
// has no record (users made by hand, homes, files of sites) is foreign and never touched.
// Removal takes home, site, logs, the files in [Options.Scratch] and [Options.Spools], and
// the user. There is no archive; grace is the manager's. Whatever a user may have elsewhere
// would be the next one's with its number. The number of a user that was lost (deleted by hand)
// goes to no other account: the next Ensure makes the user again as the owner of its home. What it
// left running or in [Options.Scratch] goes with the removal, unless somebody has its number.
//
// # What customers see
//
// By SFTP or a shell customers see what everybody on the machine may, such as the names of
// users; of others no domains, logs and files. Where that is too much, sshd has
// ChrootDirectory. Mail to users of the machine must not run programs by ~/.forward, which
// no suspension ends. Mount homes and scratch directories with nosuid and nodev.
//
// # What servers need
//
// nginx; bash, tar, GNU coreutils, findutils and diffutils; util-linux (flock, setpriv), procps (ps,
// kill), passwd (useradd and the others), grep, awk; for quotas quota. That is any Debian
// with nginx, procps and passwd. Root's login shell must be a POSIX one.
//
// # Moving
//
// [Driver.Copy] streams a home as an archive through the host's process, read and written with
// the rights of its customer on either server, so that no link leads anywhere the customer
// could not go by itself. Links stay links, hard ones within the home stay one file, owners are
// the customer. All of it is copied each time. What the customer may not read (files of others
// in its home) is not left out silently but stops the copy (code unreadable). Sockets, extended
// attributes and what the user has outside its home, such as a crontab, stay behind.
package webhost
