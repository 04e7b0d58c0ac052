// Package label is the private label: what customers see of their seller, and nothing of
// the sellers above. A reseller has its own host names, company details, name servers,
// mail senders, colours, images, texts and languages; its customers never learn who runs
// the machines.
//
// # Brands
//
// A [Brand] belongs to one seller and is checked as a whole: [Brand.Normal] lists all
// faults at once. A [Manager] keeps brands in a [Store], which the stores of this module
// are, with a version against lost changes and an event for each change
// ("label.brand.changed"). A host name belongs to one brand only.
//
//	brands, err := label.New(store, label.Options{})
//	b, err := brands.Put(ctx, label.Brand{Seller: "shop", Hosts: []string{"panel.shop.example"}, ...})
//
// Each kind of message has a sender of its own ([Brand.Sender]): who invoices come from
// need not be who answers tickets, and neither is the address to which the machines
// report failures. A brand that has no sender sends nothing; there is no falling back to
// a parent's.
//
// # Hosts
//
// [Manager.ResolveHost] finds the brand of a host name, however it is written. It
// answers from memory for [Options.TTL] at most. [Manager.Middleware] does so for each
// request; whoever asks for an IP address or an unknown host gets status 421 with
// nothing that tells who runs the machine.
//
//	http.ListenAndServe(addr, brands.Middleware(panel)) // label.FromContext in panel
//
// Two answers are not the middleware's: to a request that is no HTTP, and to
// "OPTIONS *", the server of net/http replies by itself, with nothing that names anybody.
// The certificate that is shown for an unknown name is the host application's to choose.
//
// # Looks
//
// A [Look] is how a brand looks: layers of files (skin, the seller's overrides, the
// parent's), of which the first that has a file counts. It is an [io/fs.FS] with which
// images and style sheets are served; its templates and texts are executed with a [Page].
// Texts are catalogs of golang.org/x/text, with plural forms and the rules of BCP 47 for
// languages; a missing one is shown in brackets in tests and falls back silently in
// production ([Missing]).
//
// Files of a [Layer] marked as inherited are shown only if nothing in them tells of the
// parents: each file is scanned before it is used, and again when it changes; of files of
// texts each text. What is held back is listed by [Look.Withheld], so that a seller can
// be told what to override. That covers what lies in files. What a template says is
// known when it was executed: [Vet] executes them all and scans what comes out. A host
// application runs it when a seller changes its brand or look, and in its tests.
//
// # Leaks
//
// [Leaks] is the test that a reseller's customers see nothing of the sellers above. It
// takes whatever they are shown ([Pages], [Respond], [Mail], [Document], [Zone],
// [Files]) and the parents' brands, and returns each place where one of these occurs:
//
//   - the company's name, with and without its legal form; names of senders;
//   - lines of the postal address that have a number, the register number;
//   - hosts, name servers, hosts of links, and the registrable domains of all;
//   - mail addresses, also in the form that zones have; telephone numbers;
//   - IP addresses and further names given in [LeakOptions].
//
// It reads bodies, all response headers and trailers, each part of a mail, and files in
// gzip, zip and PDF streams, and finds words in any case, with or without accents, with
// other characters or none between the words of a name, as A-label or U-label, and through
// character references, tags within words, URL encoding, the escapes of JSON, JavaScript,
// style sheets and zones, quoted-printable, base64, encoded words, UTF-16, Windows-1252 and
// strings of PDF, up to three upon another.
//
// It does not read pictures, text that is drawn with glyph numbers, encrypted files,
// brotli and zstd (which are reported as [LeakUnscanned]), or text that a script puts
// together. Words that may be shown are named in [LeakOptions.Allow].
//
// Names of fewer than four letters count only where they stand alone. Longer ones count
// anywhere: "acmepanel" tells of Acme.
//
// # Implementing a store
//
// See [Store] and [Rows], and package labeltest for the suite.
package label
